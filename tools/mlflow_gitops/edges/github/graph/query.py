"""The GraphQL query for the pull requests of a commit."""

from __future__ import annotations

PAGE = 100
"""Commits, reviews and comments of one pull request that one query reads."""

_ACCOUNT = "{ __typename login ... on User { databaseId email } ... on Bot { databaseId } }"
_SIGNATURE = "{ name email date user { login databaseId } }"
_PULL_REQUEST = f"""
number title body url state createdAt mergedAt headRefName headRefOid baseRefName
author {_ACCOUNT} mergedBy {_ACCOUNT} mergeCommit {{ oid }}
headRepository {{ nameWithOwner }} baseRepository {{ nameWithOwner }}
commits(first: {PAGE}) {{ pageInfo {{ hasNextPage }} nodes {{ commit {{
  oid message parents(first: 3) {{ nodes {{ oid }} }}
  author {_SIGNATURE} committer {_SIGNATURE}
}} }} }}
reviews(first: {PAGE}) {{ pageInfo {{ hasNextPage }} nodes {{
  databaseId state body submittedAt commit {{ oid }} author {_ACCOUNT}
}} }}
comments(first: {PAGE}) @include(if: $comments) {{ pageInfo {{ hasNextPage }} nodes {{
  databaseId body url author {_ACCOUNT}
}} }}
"""
OF_COMMIT = f"""
query($owner: String!, $name: String!, $sha: GitObjectID!, $comments: Boolean!) {{
  viewer @include(if: $comments) {{ login }}
  repository(owner: $owner, name: $name) {{ object(oid: $sha) {{ ... on Commit {{
    associatedPullRequests(first: 10) {{ pageInfo {{ hasNextPage }} nodes {{ {_PULL_REQUEST} }} }}
  }} }} }}
}}
"""
