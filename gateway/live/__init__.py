"""What is watched: one listener a process, and a feed for each thing that somebody follows."""
