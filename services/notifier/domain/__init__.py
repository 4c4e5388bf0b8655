"""Rules of the notifier: what is sent about an event, to whom, when and in which words; pure."""
