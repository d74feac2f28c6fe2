/* cmocka with what it needs before it. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

/* A blank line above keeps cmocka last: it needs the others. */
#include <cmocka.h>
