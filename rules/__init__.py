"""Pure rules that more than one service applies: the same question gets the same answer."""
