"""Signatures of model files in the OpenSSF model-signing format, through the library
`model-signing`, which the extra `signing` installs. Nothing here makes a request."""
