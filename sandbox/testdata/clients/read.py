"""Prints an object of Cloud Storage, read with a credential configuration.

Usage: read.py CONFIGURATION URL
"""
import sys

import google.auth.aws
import google.auth.transport.requests

# google.auth.load_credentials_from_file would look the project's id up at Google.
credentials = google.auth.aws.Credentials.from_file(
    sys.argv[1], scopes=["https://www.googleapis.com/auth/devstorage.read_only"]
)
session = google.auth.transport.requests.AuthorizedSession(credentials)
response = session.get(sys.argv[2])
response.raise_for_status()
sys.stdout.write(response.text)
