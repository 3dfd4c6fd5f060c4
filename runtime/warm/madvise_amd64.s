#include "textflag.h"

#define SYS_madvise 28

// func madvise(addr, length, advice uintptr)
TEXT ·madvise(SB),NOSPLIT,$0-24
	MOVQ	addr+0(FP), DI
	MOVQ	length+8(FP), SI
	MOVQ	advice+16(FP), DX
	MOVL	$SYS_madvise, AX
	SYSCALL
	RET
