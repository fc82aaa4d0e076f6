"""What the process is doing now and what is wrong with it: threads, tasks, requests, exceptions, pauses, verdicts."""
