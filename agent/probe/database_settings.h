/* The settings of the types that probe a database, which ask and write alike. */
#pragma once

#include "agent/probe/tls_client.h"

struct database_settings {
    char *address;
    char *user;
    char *password_file;
    char *database;
    char *query;
    char *expect;
    bool write;
    char *table;
    bool use_tls;
    struct tls_settings tls;
};

/* `address_help` and `database_help` are texts, `user_max` bytes in a user's name. */
/* clang-format off */
#define DATABASE_OPTIONS(address_help, user_max, database_help)                                   \
    {.name = "address",                                                                           \
     .kind = FL_OPTION_ADDRESS,                                                                   \
     .offset = offsetof(struct database_settings, address),                                       \
     .help = address_help},                                                                       \
    {.name = "user",                                                                              \
     .kind = FL_OPTION_STRING,                                                                    \
     .offset = offsetof(struct database_settings, user),                                          \
     .min = 1,                                                                                    \
     .max = user_max,                                                                             \
     .help = "user to log in as"},                                                                \
    {.name = "password_file",                                                                     \
     .kind = FL_OPTION_NAME,                                                                      \
     .offset = offsetof(struct database_settings, password_file),                                 \
     .standard = FL_OPTION_UNSET,                                                                 \
     .help = "name of the agent's secret with the password"},                                     \
    {.name = "database",                                                                          \
     .kind = FL_OPTION_STRING,                                                                    \
     .offset = offsetof(struct database_settings, database),                                      \
     .max = 64,                                                                                   \
     .standard = FL_OPTION_UNSET,                                                                 \
     .help = database_help},                                                                      \
    {.name = "query",                                                                             \
     .kind = FL_OPTION_STRING,                                                                    \
     .offset = offsetof(struct database_settings, query),                                         \
     .max = 1024,                                                                                 \
     .standard = "SELECT 1",                                                                      \
     .help = "question to ask"},                                                                  \
    {.name = "expect",                                                                            \
     .kind = FL_OPTION_STRING,                                                                    \
     .offset = offsetof(struct database_settings, expect),                                        \
     .max = 1024,                                                                                 \
     .standard = FL_OPTION_UNSET,                                                                 \
     .help = "text that the first column of the first row must contain"},                         \
    {.name = "write",                                                                             \
     .kind = FL_OPTION_BOOL,                                                                      \
     .offset = offsetof(struct database_settings, write),                                         \
     .standard = "false",                                                                         \
     .help = "write a row of the probe's table, which is made where it is missing, and read it"}, \
    {.name = "table",                                                                             \
     .kind = FL_OPTION_NAME,                                                                      \
     .offset = offsetof(struct database_settings, table),                                         \
     .standard = "faultline_probe",                                                               \
     .help = "name of that table"},                                                               \
    {.name = "tls",                                                                               \
     .kind = FL_OPTION_BOOL,                                                                      \
     .offset = offsetof(struct database_settings, use_tls),                                       \
     .standard = "false",                                                                         \
     .help = "speak TLS, and nothing else"},                                                      \
    TLS_OPTIONS(struct database_settings, tls)
/* clang-format on */
