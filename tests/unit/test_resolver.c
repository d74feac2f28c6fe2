// links: agent_probe
/* Includes the module itself, to put another file in the place of /etc/resolv.conf. */
#include "agent/probe/resolver.c"
#include "tests/support/name_server.h"

#include <fcntl.h>

static struct lab lab;
static struct name_server server;

static struct {
    enum fl_failure failure;
    struct sockaddr_in address;
    unsigned calls;
} answer;

static int set_up(void **state)
{
    (void)state;
    memset(&answer, 0, sizeof(answer));
    lab_open(&lab);
    name_server_open(&server, lab.base);
    return resolver_set_servers(lab.resolver, server.address, NULL);
}

static int tear_down(void **state)
{
    (void)state;
    lab_close(&lab);
    name_server_close(&server);
    return 0;
}

static void on_answer(enum fl_failure failure, const struct sockaddr *address, socklen_t size,
                      void *arg)
{
    (void)arg;
    answer.calls++;
    answer.failure = failure;
    if (address && size == sizeof(answer.address))
        memcpy(&answer.address, address, size);
    lab.done = true;
}

static enum fl_failure look_up(const char *name)
{
    struct resolver_query *query;

    answer.calls = 0;
    assert_int_equal(resolver_start(lab.resolver, name, 80, on_answer, NULL, &query), 0);
    assert_int_equal(answer.calls, 0); /* never from inside start */
    lab_wait(&lab);
    assert_int_equal(answer.calls, 1);
    return answer.failure;
}

static void a_name_has_its_address_and_the_port(void **state)
{
    (void)state;
    assert_int_equal(look_up("web.test."), FL_FAILURE_NONE);
    assert_int_equal(answer.address.sin_addr.s_addr, htonl(INADDR_LOOPBACK));
    assert_int_equal(ntohs(answer.address.sin_port), 80);
}

static void each_way_to_fail_has_its_word(void **state)
{
    (void)state;
    assert_string_equal(fl_failure_name(look_up("nx.test.")), "nxdomain");
    assert_string_equal(fl_failure_name(look_up("empty.test.")), "nxdomain");
    assert_string_equal(fl_failure_name(look_up("fail.test.")), "servfail");
    assert_string_equal(fl_failure_name(look_up("refused.test.")), "servfail");
}

static void a_server_that_is_silent_is_a_time_out(void **state)
{
    (void)state;
    assert_string_equal(fl_failure_name(look_up("silent.test.")), "timeout");
    assert_true(server.queries >= 2); /* it was asked again */
}

static void a_server_that_is_not_there_has_failed(void **state)
{
    char nobody[32];

    (void)state;
    close(lab_bind(SOCK_DGRAM, nobody));
    assert_int_equal(resolver_set_servers(lab.resolver, nobody, NULL), 0);
    assert_string_equal(fl_failure_name(look_up("web.test.")), "servfail");
}

static void a_name_of_the_hosts_file_needs_no_server(void **state)
{
    (void)state;
    assert_int_equal(look_up("localhost"), FL_FAILURE_NONE);
    assert_int_equal(server.queries, 0);
}

static void a_cancelled_query_is_not_heard_of_again(void **state)
{
    struct resolver_query *asked;
    struct resolver_query *answered;

    (void)state;
    assert_int_equal(resolver_start(lab.resolver, "nx.test.", 1, on_answer, NULL, &asked), 0);
    assert_int_equal(resolver_start(lab.resolver, "localhost", 1, on_answer, NULL, &answered), 0);
    resolver_cancel(asked);
    resolver_cancel(answered); /* its answer was there, and not yet handed on */
    assert_int_equal(look_up("web.test."), FL_FAILURE_NONE);
    assert_int_equal(answer.calls, 1);
}

static void a_query_may_outlive_its_resolver_only_when_cancelled(void **state)
{
    struct resolver_query *query;

    (void)state;
    assert_int_equal(resolver_start(lab.resolver, "silent.test.", 1, on_answer, NULL, &query), 0);
    resolver_cancel(query);
    lab.resolver = resolver_free(lab.resolver);
    assert_int_equal(answer.calls, 0);
}

static void numbers_are_no_names(void **state)
{
    struct sockaddr_storage address;
    socklen_t size;

    (void)state;
    assert_true(resolver_numeric("192.0.2.7", 81, &address, &size));
    assert_int_equal(address.ss_family, AF_INET);
    assert_int_equal(ntohs(((struct sockaddr_in *)&address)->sin_port), 81);
    assert_true(resolver_numeric("2001:db8::7", 81, &address, &size));
    assert_int_equal(address.ss_family, AF_INET6);
    assert_false(resolver_numeric("web.test", 81, &address, &size));
    assert_false(resolver_numeric("", 81, &address, &size));
}

static void write_file(const char *path, const char *text, time_t changed)
{
    const struct timespec times[2] = {{.tv_sec = changed}, {.tv_sec = changed}};
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void assert_first_server(const char *address)
{
    struct ares_addr_port_node *servers = NULL;
    char text[INET6_ADDRSTRLEN];

    assert_int_equal(ares_get_servers_ports(lab.resolver->channel, &servers), ARES_SUCCESS);
    assert_non_null(servers);
    assert_string_equal(inet_ntop(servers->family, &servers->addr, text, sizeof(text)), address);
    ares_free_data(servers);
}

static void a_changed_file_of_servers_is_read_again(void **state)
{
    char folder[] = "/tmp/test_resolver.XXXXXX";
    char path[64];
    struct resolver_query *asked;
    struct resolver_query *later;

    (void)state;
    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof(path), "%s/resolv.conf", folder);
    write_file(path, "nameserver 127.0.0.201\n", 1000);
    lab.resolver->file = path;
    assert_int_equal(look_up("localhost"), FL_FAILURE_NONE);
    assert_first_server("127.0.0.201");

    write_file(path, "nameserver 127.0.0.202\n", 2000);
    answer.calls = 0;
    assert_int_equal(resolver_start(lab.resolver, "web.test.", 1, on_answer, NULL, &asked), 0);
    assert_first_server("127.0.0.202");
    write_file(path, "nameserver 127.0.0.203\n", 3000);
    assert_int_equal(resolver_start(lab.resolver, "nx.test.", 1, on_answer, NULL, &later), 0);
    lab_wait(&lab); /* the one that the old servers were asked */
    assert_string_equal(fl_failure_name(answer.failure), "local");
    resolver_cancel(later);
    assert_int_equal(look_up("localhost"), FL_FAILURE_NONE);
    assert_first_server("127.0.0.203");
    unlink(path);
    assert_int_equal(look_up("localhost"), FL_FAILURE_NONE);
    assert_first_server("127.0.0.203");
    rmdir(folder);
}

static void servers_are_numbers(void **state)
{
    struct fl_error err = {""};

    (void)state;
    assert_true(resolver_set_servers(lab.resolver, "no.such:53", &err) < 0);
    assert_non_null(strstr(err.message, "no.such:53"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_name_has_its_address_and_the_port),
        TEST(each_way_to_fail_has_its_word),
        TEST(a_server_that_is_silent_is_a_time_out),
        TEST(a_server_that_is_not_there_has_failed),
        TEST(a_name_of_the_hosts_file_needs_no_server),
        TEST(a_cancelled_query_is_not_heard_of_again),
        TEST(a_query_may_outlive_its_resolver_only_when_cancelled),
        TEST(numbers_are_no_names),
        TEST(a_changed_file_of_servers_is_read_again),
        TEST(servers_are_numbers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
