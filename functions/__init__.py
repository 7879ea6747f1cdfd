"""What runs on AWS."""
