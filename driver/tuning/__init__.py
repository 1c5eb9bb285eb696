"""Looks for better schedules by measuring: what is hot, what to try, what it takes, and what is kept."""
