#include "agent/probe/probe_module.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PATH_SIZE 4096

/* Beside the program (or its tests) where it was built, else where it is installed. */
static const char *const places[] = {"modules", "../modules", "../libexec/faultline"};

static int find(const char *module, char path[PATH_SIZE], struct fl_error *err)
{
    char self[2048];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    char *slash;

    self[n > 0 ? n : 0] = '\0';
    slash = strrchr(self, '/');
    if (slash)
        *slash = '\0';
    for (size_t i = 0; i < FL_COUNT(places); i++) {
        (void)snprintf(path, PATH_SIZE, "%s/%s/probe_%s.so", self, places[i], module);
        if (access(path, R_OK) == 0)
            return 0;
    }
    return fl_error_set(err, -ELIBACC,
                        "module probe_%s.so is not there; it belongs in %s/../libexec/faultline: "
                        "install Faultline anew",
                        module, self);
}

int probe_module_load(const char *module, const char *name, const struct probe_type **ret,
                      struct fl_error *err)
{
    char path[PATH_SIZE], symbol[sizeof("probe_") + FL_TYPE_SIZE];
    const char *build;
    void *library;
    int r = find(module, path, err);

    if (r < 0)
        return r;
    library = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (!library)
        return fl_error_set(err, -ELIBACC, "cannot load a module: %s", dlerror());
    build = dlsym(library, PROBE_MODULE_BUILD);
    if (!build || strcmp(build, PROBE_MODULE_THIS_BUILD) != 0)
        return fl_error_set(err, -ELIBACC,
                            "%s is of another build (%s) than this program (%s): install both anew",
                            path, build ? build : "unknown", PROBE_MODULE_THIS_BUILD);
    (void)snprintf(symbol, sizeof(symbol), "probe_%s", name);
    *ret = dlsym(library, symbol);
    return *ret ? 0 : fl_error_set(err, -ELIBACC, "%s has no type \"%s\"", path, name);
}
