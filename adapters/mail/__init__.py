"""E-mail: composed here, and sent by SMTP or put into a folder."""
