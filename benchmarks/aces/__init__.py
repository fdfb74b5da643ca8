"""What the benchmark of cohorts needs beside osler: es-aces, public tasks, random ones."""
