/* Certificates of a test's own authority, in a folder: ca.pem; valid, expired, stranger (bears
 * another name), soon (its end is near) and client, each NAME.pem with NAME.key. */
#pragma once

#include "tests/support/server.h"

static inline void certificates_make(const char *folder)
{
    static const char script[] =
        "set -e; cd \"$1\"; touch index; echo 01 > serial; exec 2>make.log\n"
        "key() { openssl genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:P-256"
        " -out $1.key || openssl ecparam -name prime256v1 -genkey -noout -out $1.key; }\n"
        "key ca; openssl req -x509 -new -key ca.key -subj /CN=test-ca -days 30 -out ca.pem\n"
        "cat > ca.cnf <<'END'\n"
        "[ca]\ndefault_ca=d\n[d]\ndatabase=index\nserial=serial\nnew_certs_dir=.\n"
        "certificate=ca.pem\nprivate_key=ca.key\ndefault_md=sha256\npolicy=p\n"
        "copy_extensions=copy\nunique_subject=no\n"
        "[p]\ncommonName=supplied\n"
        "END\n"
        "cert() { key $1; openssl req -new -key $1.key -subj /CN=$2 -addext subjectAltName=$3"
        " -out $1.csr; openssl ca -batch -config ca.cnf -in $1.csr -out $1.pem -notext"
        " -startdate $4 -enddate $5; }\n"
        "soon=$(date -u -d '+5 days' +%Y%m%d%H%M%SZ)\n"
        "cert valid localhost DNS:localhost,IP:127.0.0.1 20200101000000Z 20491231000000Z\n"
        "cert expired localhost DNS:localhost,IP:127.0.0.1 20200101000000Z 20200201000000Z\n"
        "cert stranger other.test DNS:other.test 20200101000000Z 20491231000000Z\n"
        "cert soon localhost DNS:localhost,IP:127.0.0.1 20200101000000Z $soon\n"
        "cert client prober DNS:prober.test 20200101000000Z 20491231000000Z\n";
    char *argv[] = {"sh", "-c", (char *)(uintptr_t)script, "sh", (char *)(uintptr_t)folder, NULL};
    int status;
    pid_t pid = server_spawn(argv);

    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (status != 0)
        fail_msg("cannot make certificates: see %s/make.log; install openssl", folder);
}
