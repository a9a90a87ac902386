"""What is made of run folders: videos, tables, reports. Reads only the folders."""
