"""What serves the ports: AWS, and memory."""
