"""What is known of each spec, and of every push that was not answered: entries, earlier jobs, intents."""
