"""What is known of each connection: the port to where it is kept, and the form in which it is."""
