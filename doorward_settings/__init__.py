"""The settings of every program: read, given their defaults and judged here, and nowhere else.

`fields` says what a single value may be, `address` and `accounts` hold what several programs
share, `auth_service`, `web_frontend` and `edge` are one model per program, and `reading` fills a
model from the environment. Messages are for people who edit a `.env` file.
"""
