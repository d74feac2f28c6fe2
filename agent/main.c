#include "agent/agent.h"
#include "proto/runtime/fl_daemon.h"
#include "proto/runtime/fl_log.h"
#include "proto/runtime/fl_loop.h"

#include <getopt.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#define PROGRAM "faultline-agent"
#define STANDARD_CONFIG "/etc/faultline/agent.yaml"

enum exit_status { EXIT_FINE, EXIT_FAILED, EXIT_WRONG_USE };

static const char usage[] =
    "usage: " PROGRAM " [--config FILE] [--check] [--log-level LEVEL] [--version] [--help]\n"
    "\n"
    "  --config FILE      configuration, " STANDARD_CONFIG " without this\n"
    "  --check            read and check the configuration and its key file, then end\n"
    "  --log-level LEVEL  error, warning, info (without this) or debug\n"
    "\n"
    "SIGHUP reads the configuration again. Exit status: 0 ended as asked, 1 failed,\n"
    "2 wrong use or a configuration that cannot be used.\n";

static const char *arg_config = STANDARD_CONFIG;
static bool arg_check;

/* Returns -1 to go on, else the exit status. */
static int read_arguments(int argc, char *argv[])
{
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                            {"check", no_argument, NULL, 'k'},
                                            {"log-level", required_argument, NULL, 'l'},
                                            {"version", no_argument, NULL, 'v'},
                                            {"help", no_argument, NULL, 'h'},
                                            {0}};

    for (int option; (option = getopt_long(argc, argv, "c:h", options, NULL)) != -1;) {
        switch (option) {
        case 'c':
            arg_config = optarg;
            break;
        case 'k':
            arg_check = true;
            break;
        case 'l':
            if (fl_log_level_parse(optarg) < 0) {
                (void)fprintf(stderr,
                              PROGRAM ": --log-level is \"%s\"; use error, warning, info or "
                                      "debug\n",
                              optarg);
                return EXIT_WRONG_USE;
            }
            fl_log_set_level((enum fl_log_level)fl_log_level_parse(optarg));
            break;
        case 'v':
            fl_daemon_print_version(PROGRAM);
            return EXIT_FINE;
        case 'h':
            (void)fputs(usage, stdout);
            return EXIT_FINE;
        default: /* getopt said what is wrong */
            return EXIT_WRONG_USE;
        }
    }
    if (optind < argc) {
        (void)fprintf(stderr, PROGRAM ": \"%s\" is not expected here; see --help\n", argv[optind]);
        return EXIT_WRONG_USE;
    }
    return -1;
}

/* One arena for all threads, and what is free goes back: an agent must stay small. */
static void keep_memory_small(void)
{
    (void)mallopt(M_ARENA_MAX, 1);
    (void)mallopt(M_TRIM_THRESHOLD, 128 << 10);
}

/* Each hung peer holds a descriptor or two, and 1024 are soon gone. What cannot be had shows: the
 * host samples tell how many of those allowed are used. */
static void allow_many_descriptors(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

static int fail(int status, const struct fl_error *err)
{
    fl_log_error("agent", "%s", err->message);
    return status;
}

int main(int argc, char *argv[])
{
    FL_CLEANUP(agent_config_done) struct agent_config config = {0};
    FL_CLEANUP(fl_loop_freep) struct fl_loop *loop = NULL;
    FL_CLEANUP(agent_freep) struct agent *agent = NULL;
    struct fl_error err = {""};
    int r;

    keep_memory_small();
    allow_many_descriptors();
    (void)umask(077); /* the state is nobody else's business */
    r = read_arguments(argc, argv);
    if (r >= 0)
        return r;
    if (agent_config_load(arg_config, &config, &err) < 0 ||
        agent_config_read_keys(&config, &err) < 0)
        return fail(EXIT_WRONG_USE, &err);
    if (arg_check) {
        (void)printf("%s: good: agent \"%s\" of zone \"%s\", %zu coordinators\n", arg_config,
                     config.name, config.zone, config.n_coordinators);
        return EXIT_FINE;
    }

    if (fl_loop_new(&loop, &err) < 0 || agent_new(loop, arg_config, &config, &agent, &err) < 0 ||
        fl_daemon_watchdog_start(fl_loop_base(loop), &err) < 0)
        return fail(EXIT_FAILED, &err);

    fl_daemon_notify("READY=1");
    r = fl_loop_run(loop);
    fl_daemon_notify("STOPPING=1");
    return r < 0 ? EXIT_FAILED : EXIT_FINE;
}
