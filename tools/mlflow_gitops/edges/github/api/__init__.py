"""How GitHub's API answers: what counts as an answer, what refusals mean, what lags behind."""
