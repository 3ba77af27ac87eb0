"""What was put aside, and how it gets back: planned purely, then read and written."""
