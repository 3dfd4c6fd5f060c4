#include "textflag.h"

#define SYS_madvise 28
#define MADV_POPULATE_READ 22
#define MADV_POPULATE_WRITE 23

// Nothing but SP counts here, from which the runtime reads argc and argv.
TEXT ·entry(SB),NOSPLIT|NOFRAME|TOPFRAME,$0
	LEAQ	runtime·noptrdata(SB), DI
	LEAQ	runtime·enoptrbss(SB), SI
	ANDQ	$~4095, DI
	SUBQ	DI, SI
	MOVL	$MADV_POPULATE_WRITE, DX
	MOVL	$SYS_madvise, AX
	SYSCALL
	LEAQ	runtime·text(SB), DI
	LEAQ	runtime·pclntab(SB), SI
	ANDQ	$~4095, DI
	SUBQ	DI, SI
	MOVL	$MADV_POPULATE_READ, DX
	MOVL	$SYS_madvise, AX
	SYSCALL
	JMP	_rt0_amd64_linux(SB)
