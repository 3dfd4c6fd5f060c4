#include "textflag.h"

#define SYS_write 1
#define SYS_rt_sigreturn 15
#define si_code 8

// The kernel calls a handler as C does: DI is the signal, SI the siginfo_t,
// DX the context, and all registers come back with rt_sigreturn.

TEXT write<>(SB),NOSPLIT|NOFRAME|TOPFRAME,$0
	SUBQ	$24, SP
	MOVB	DI, 8(SP)
	MOVL	·into(SB), DI
	LEAQ	8(SP), SI
	MOVL	$1, DX
	MOVL	$SYS_write, AX
	SYSCALL
	ADDQ	$24, SP
	RET

TEXT writeUnlessFault<>(SB),NOSPLIT|NOFRAME|TOPFRAME,$0
	CMPL	si_code(SI), $0
	JLE	sent
	MOVQ	·next(SB), AX
	JMP	AX
sent:
	JMP	write<>(SB)

TEXT restore<>(SB),NOSPLIT|NOFRAME,$0
	MOVL	$SYS_rt_sigreturn, AX
	SYSCALL
	INT	$3

// func handlers() (write, writeUnlessFault, restorer uintptr)
TEXT ·handlers(SB),NOSPLIT,$0-24
	LEAQ	write<>(SB), AX
	MOVQ	AX, write+0(FP)
	LEAQ	writeUnlessFault<>(SB), AX
	MOVQ	AX, writeUnlessFault+8(FP)
	LEAQ	restore<>(SB), AX
	MOVQ	AX, restorer+16(FP)
	RET
