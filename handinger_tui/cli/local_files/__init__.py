"""Files of this machine: attachments, files that are written, and opening with the system's programs."""
