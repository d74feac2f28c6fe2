/* faultline-coordinator: hears all agents and says which side of the line a fault is on. */
#include "coordinator/http/http_server.h"
#include "proto/runtime/fl_daemon.h"
#include "proto/runtime/fl_log.h"
#include "proto/runtime/fl_loop.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#define EXIT_USAGE 2

static const char usage[] =
    "usage: faultline-coordinator --config FILE [--check] [--log-level LEVEL]\n"
    "       faultline-coordinator --version\n"
    "\n"
    "  --config FILE      what to probe and whom to let in\n"
    "  --check            read the configuration, say whether it is good, and end\n"
    "  --log-level LEVEL  error, warning, info (usual) or debug\n"
    "  --version          say which version this is\n"
    "  --help             say this\n";

struct arguments {
    const char *config;
    bool check;
};

/* 0: go on; 1: all is said; -EINVAL: usage. */
static int read_arguments(int argc, char **argv, struct arguments *ret)
{
    static const struct option options[] = {
        {"config", required_argument, NULL, 'c'},
        {"check", no_argument, NULL, 'k'},
        {"log-level", required_argument, NULL, 'l'},
        {"version", no_argument, NULL, 'v'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    int option, level;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case 'c':
            ret->config = optarg;
            break;
        case 'k':
            ret->check = true;
            break;
        case 'l':
            level = fl_log_level_parse(optarg);
            if (level < 0)
                return -EINVAL;
            fl_log_set_level((enum fl_log_level)level);
            break;
        case 'v':
            fl_daemon_print_version("faultline-coordinator");
            return 1;
        case 'h':
            return fputs(usage, stdout) < 0 ? -EIO : 1;
        default:
            return -EINVAL;
        }
    }
    return ret->config && optind == argc ? 0 : -EINVAL;
}

static int check(const char *path)
{
    FL_CLEANUP(coordinator_config_freep) struct coordinator_config *config = NULL;
    struct fl_error err;

    if (coordinator_config_load(path, NULL, &config, &err) < 0) {
        (void)fprintf(stderr, "%s\n", err.message);
        return EXIT_FAILURE;
    }
    (void)printf("%s: good: %zu agents in %zu zones, %zu targets\n", path, config->fleet->n_agents,
                 config->fleet->n_zones, config->n_targets);
    return EXIT_SUCCESS;
}

struct daemon {
    struct coordinator *coordinator;
    struct http_server *server;
};

static void on_reload(void *arg)
{
    const struct daemon *daemon = arg;
    struct fl_error err;

    fl_daemon_notify("RELOADING=1");
    if (coordinator_reload(daemon->coordinator, &err) < 0)
        fl_log_error("config", "%s; the old configuration stays", err.message);
    else if (http_server_reload(daemon->server, &err) < 0)
        fl_log_error("http", "%s; the old tokens and certificate stay", err.message);
    else
        fl_log_info("config", "the new configuration is in use");
    fl_daemon_notify("READY=1");
}

static int run(const char *path, struct fl_error *err)
{
    FL_CLEANUP(fl_loop_freep) struct fl_loop *loop = NULL;
    FL_CLEANUP(coordinator_freep) struct coordinator *coordinator = NULL;
    FL_CLEANUP(http_server_freep) struct http_server *server = NULL;
    struct daemon daemon;
    int r = fl_loop_new(&loop, err);

    if (r == 0)
        r = coordinator_new(path, fl_loop_base(loop), &coordinator, err);
    if (r == 0)
        r = http_server_new(coordinator, fl_loop_base(loop), coordinator_settings(coordinator)->api,
                            &server, err);
    if (r == 0)
        r = fl_daemon_watchdog_start(fl_loop_base(loop), err);
    if (r < 0)
        return r;
    daemon = (struct daemon){coordinator, server};
    fl_loop_on_reload(loop, on_reload, &daemon);
    fl_log_info("coordinator", "listens to agents at %s, API at port %u",
                coordinator_endpoint(coordinator), http_server_port(server));
    fl_daemon_notify("READY=1");
    r = fl_loop_run(loop);
    fl_daemon_notify("STOPPING=1");
    return r < 0 ? fl_error_set(err, r, "the event loop failed") : 0;
}

int main(int argc, char **argv)
{
    struct arguments arguments = {0};
    struct fl_error err;
    int r = read_arguments(argc, argv, &arguments);

    if (r > 0)
        return EXIT_SUCCESS;
    if (r < 0) {
        (void)fputs(usage, stderr);
        return EXIT_USAGE;
    }
    if (arguments.check)
        return check(arguments.config);
    if (run(arguments.config, &err) < 0) {
        fl_log_error("coordinator", "%s", err.message);
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}
