#include "textflag.h"

#define SYS_write 64
#define SYS_rt_sigreturn 139
#define si_code 8

// The kernel calls a handler as C does: R0 is the signal, R1 the siginfo_t,
// R2 the context, and all registers come back with rt_sigreturn.

TEXT write<>(SB),NOSPLIT|NOFRAME|TOPFRAME,$0
	SUB	$16, RSP
	MOVB	R0, (RSP)
	MOVW	·into(SB), R0
	MOVD	RSP, R1
	MOVD	$1, R2
	MOVD	$SYS_write, R8
	SVC
	ADD	$16, RSP
	RET

TEXT writeUnlessFault<>(SB),NOSPLIT|NOFRAME|TOPFRAME,$0
	MOVW	si_code(R1), R3
	CMPW	$0, R3
	BLE	sent
	MOVD	·next(SB), R3
	JMP	(R3)
sent:
	JMP	write<>(SB)

TEXT restore<>(SB),NOSPLIT|NOFRAME,$0
	MOVD	$SYS_rt_sigreturn, R8
	SVC
	BRK

// func handlers() (write, writeUnlessFault, restorer uintptr)
TEXT ·handlers(SB),NOSPLIT,$0-24
	MOVD	$write<>(SB), R0
	MOVD	R0, write+0(FP)
	MOVD	$writeUnlessFault<>(SB), R0
	MOVD	R0, writeUnlessFault+8(FP)
	MOVD	$restore<>(SB), R0
	MOVD	R0, restorer+16(FP)
	RET
