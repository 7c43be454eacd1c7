"""Everything that reads or writes a git repository, by processes of git itself.

GitPython (3.2) is used where it keeps all promises: for the demo's repository. It was tried here
for opening, refs, the index, commits and remotes, and each failed one of the promises below, which
`tests/edges/git/` and `tests/faults/test_git.py` check for our own calls:

- A killed git is never taken for "there is none". `Repo.rev_parse` of a short id raises the same
  `BadName` if git was killed and if there is no such commit.
- Another repository's variables have no effect. GitPython passes `GIT_INDEX_FILE`, `GIT_WORK_TREE`
  and `GIT_OBJECT_DIRECTORY` of a surrounding hook on; it can add variables, but not remove them.
- History is what was approved. GitPython believes replace refs, and takes a tag `main` for the
  branch `main`.
- Commits are signed if the user's settings say so, by the name that git would use.
  `IndexFile.commit` ignores `commit.gpgSign` and `GIT_CONFIG_GLOBAL`.
- Repositories with SHA-256 ids work. GitPython cannot read their refs or their index.
- A stalled remote is given up, and nothing is left of it. GitPython's `kill_after_timeout` ends git
  and leaves the ssh that git started running; nothing can stop it early.
- Reading is quick. Importing GitPython takes 0.1 s, where a whole `log` takes 0.2 s; its diffs of
  single commits take 67 times as long as `git diff-tree`, which `history.py` reads as one stream,
  as `blobs.py` reads `git cat-file --batch`.
"""
