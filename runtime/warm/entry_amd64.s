#include "textflag.h"

#define SYS_madvise 28
#define MADV_POPULATE_READ 22
#define MADV_POPULATE_WRITE 23

// POPULATE maps what lies between two symbols.
#define POPULATE(from, to, advice) \
	LEAQ	from(SB), DI \
	LEAQ	to(SB), SI \
	ANDQ	$~4095, DI \
	SUBQ	DI, SI \
	MOVL	$advice, DX \
	MOVL	$SYS_madvise, AX \
	SYSCALL

// Nothing but SP counts here, from which the runtime reads argc and argv.
TEXT ·entry(SB),NOSPLIT|NOFRAME|TOPFRAME,$0
	POPULATE(runtime·noptrdata, runtime·enoptrbss, MADV_POPULATE_WRITE)
	POPULATE(runtime·text, runtime·pclntab, MADV_POPULATE_READ)
	JMP	_rt0_amd64_linux(SB)
