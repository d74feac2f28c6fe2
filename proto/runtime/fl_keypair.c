/* CURVE keys and the file that holds a pair: comment lines with '#', "public: Z85" and
 * "secret: Z85". No key is ever part of a message; copies are wiped when they are done with. */
#include "proto/runtime/fl_daemon.h"
#include "proto/runtime/fl_zsock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

#define KEY_LENGTH (FL_KEY_TEXT_SIZE - 1)
#define MAX_KEY_FILE 4096

bool fl_public_key_valid(const char *text)
{
    uint8_t key[32];

    return strlen(text) == KEY_LENGTH && zmq_z85_decode(key, text) != NULL;
}

int fl_keypair_new(struct fl_keypair *ret, struct fl_error *err)
{
    struct fl_keypair keys;

    if (zmq_curve_keypair(keys.public_key, keys.secret_key) < 0)
        return fl_error_set(err, -errno, "cannot make a key pair: %s", zmq_strerror(errno));
    *ret = keys;
    explicit_bzero(&keys, sizeof(keys));
    return 0;
}

/* Copy what follows "NAME:" on a line into `key` when it has a key's length. */
static bool take_key(const char *line, const char *name, char key[FL_KEY_TEXT_SIZE])
{
    size_t length = strlen(name);

    if (strncmp(line, name, length) != 0)
        return false;
    line += length + strspn(line + length, " \t");
    length = strcspn(line, " \t\r\n");
    if (length == KEY_LENGTH && line[length + strspn(line + length, " \t\r")] == '\n') {
        memcpy(key, line, KEY_LENGTH);
        key[KEY_LENGTH] = '\0';
    }
    return true;
}

static int parse(const char *path, const char *text, struct fl_keypair *ret, struct fl_error *err)
{
    struct fl_keypair found = {.public_key = ""};
    bool known = true;
    int r = 0;

    for (const char *line = text; *line && known; line = strchr(line, '\n') + 1)
        known = line[0] == '#' || line[strspn(line, " \t\r")] == '\n' ||
                take_key(line, "public:", found.public_key) ||
                take_key(line, "secret:", found.secret_key);
    if (!known || !fl_public_key_valid(found.secret_key) ||
        zmq_curve_public(ret->public_key, found.secret_key) < 0)
        r = fl_error_set(err, -EINVAL,
                         "\"%s\" is no key file: it must hold the line \"secret:\" with a key of "
                         "%d characters; make one with \"faultline keygen\"",
                         path, KEY_LENGTH);
    else if (found.public_key[0] && strcmp(found.public_key, ret->public_key) != 0)
        r = fl_error_set(err, -EINVAL,
                         "\"%s\" holds a public key that does not belong to its secret key; make a "
                         "new pair with \"faultline keygen\"",
                         path);
    else
        memcpy(ret->secret_key, found.secret_key, sizeof(ret->secret_key));
    explicit_bzero(&found, sizeof(found));
    return r;
}

/* Asked of the open file, so that it cannot be exchanged in between. */
static int check_mode(const char *path, int fd, struct fl_error *err)
{
    struct stat found;

    if (fstat(fd, &found) < 0)
        return fl_error_set(err, -errno, "cannot look at \"%s\": %s", path, strerror(errno));
    if (!S_ISREG(found.st_mode))
        return fl_error_set(err, -EINVAL, "\"%s\" is no regular file, so it is no key file", path);
    if (found.st_mode & 077)
        return fl_error_set(err, -EPERM,
                            "\"%s\" has mode %04o, so that others than its owner may use the "
                            "secret key in it; run \"chmod 0600\" on it",
                            path, (unsigned)found.st_mode & 07777);
    return 0;
}

static int read_text(const char *path, char *text, size_t size, struct fl_error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    ssize_t n = 0;
    int r;

    if (fd < 0)
        return fl_error_set(err, -errno, "cannot open the key file \"%s\": %s", path,
                            strerror(errno));
    r = check_mode(path, fd, err);
    if (r == 0) {
        n = read(fd, text, size - 2); /* a regular file of this size comes in one piece */
        if (n < 0)
            r = fl_error_set(err, -errno, "cannot read the key file \"%s\": %s", path,
                             strerror(errno));
    }
    (void)close(fd);
    if (r == 0)
        memcpy(text + n, "\n", 2); /* the last line needs no end of its own */
    return r;
}

int fl_keypair_read(const char *path, struct fl_keypair *ret, struct fl_error *err)
{
    struct fl_keypair keys;
    char text[MAX_KEY_FILE];
    int r = read_text(path, text, sizeof(text), err);

    if (r < 0)
        return r;
    r = parse(path, text, &keys, err);
    if (r == 0)
        *ret = keys;
    explicit_bzero(text, sizeof(text));
    explicit_bzero(&keys, sizeof(keys));
    return r;
}

int fl_keypair_write(const char *path, const struct fl_keypair *keys, struct fl_error *err)
{
    char text[512];
    int length, r;

    if (access(path, F_OK) == 0)
        return fl_error_set(err, -EEXIST,
                            "\"%s\" is there already; remove it first if its key is not needed any "
                            "more",
                            path);
    length = snprintf(text, sizeof(text),
                      "# A key pair of Faultline. The public key goes into the configuration of\n"
                      "# the other side; the secret key stays in this file.\n"
                      "public: %s\nsecret: %s\n",
                      keys->public_key, keys->secret_key);
    r = fl_daemon_write_file(path, text, (size_t)length, 0600, err);
    explicit_bzero(text, sizeof(text));
    return r;
}
