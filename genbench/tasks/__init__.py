"""What can be compared: one module a task, behind one interface."""
