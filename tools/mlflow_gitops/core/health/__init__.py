"""Live health: how a version does in the stage that it holds, by what monitors it (RULES R13)."""
