"""What staff did, kept for good: `services.record` writes, the admin reads, the database keeps."""
