"""A comment as GitHub shows it: its Markdown as HTML, in GitHub's own stylesheet
(github-markdown-css from npm), inside the box of a comment."""

from __future__ import annotations

from pathlib import Path

from markdown_it import MarkdownIt

PACKAGE = ("github-markdown-css", "5.9.0")
GITHUB = MarkdownIt("gfm-like", {"linkify": True, "html": True})
_PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>A pull request</title>
<style>{css}</style>
<style>
:root {{ color-scheme: light dark; }}
body {{ margin: 0; padding: 16px; background: #ffffff; }}
main {{ border: 1px solid #d1d9e0; border-radius: 6px; overflow: clip; }}
header {{ padding: 8px 16px; background: #f6f8fa; border-bottom: 1px solid #d1d9e0; color: #59636e;
  font: 14px/1.5 -apple-system, "Segoe UI", "Noto Sans", Helvetica, Arial, sans-serif; }}
header b {{ color: #1f2328; }}
.markdown-body {{ padding: 16px; font-size: 14px; }}
@media (prefers-color-scheme: dark) {{
  body {{ background: #0d1117; }}
  main {{ border-color: #3d444d; }}
  header {{ background: #151b23; border-color: #3d444d; color: #9198a1; }}
  header b {{ color: #f0f6fc; }}
}}
</style>
</head>
<body><main><header><b>github-actions</b> commented</header>
<article class="markdown-body">{comment}</article></main></body>
</html>
"""


def github_page(markdown: str, package: Path) -> str:
    """The page of a comment. `package` is the folder of github-markdown-css."""
    css = (package / "github-markdown.css").read_text(encoding="utf-8")
    return _PAGE.format(css=css, comment=GITHUB.render(markdown))
