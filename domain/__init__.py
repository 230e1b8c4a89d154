"""The nouns, their rules, the ports they need, the errors they raise."""
