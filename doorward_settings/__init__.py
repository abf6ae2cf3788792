"""The settings of every program. Only this package reads them, has their defaults and checks them.

`fields` has the types of single values. `address`, `accounts` and `brand` hold the settings that
programs share; `accent` and `logo` check the values of a brand. `auth_service`, `web_frontend` and
`edge` have a model for each program, and `reading` fills a model from the environment. The messages
are for people who edit a `.env` file.
"""
