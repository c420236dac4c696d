"""How requests come in and answers go out, whichever app they concern."""
