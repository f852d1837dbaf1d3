"""Foreign bytes: photos that users send and videos that providers make."""
