"""Classification: what is said of messages, and what a policy makes of it."""
