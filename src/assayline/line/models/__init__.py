"""Models on the line: trained from lots, taken in as lots, tried on hosted test sets, compared with the version they would follow."""
