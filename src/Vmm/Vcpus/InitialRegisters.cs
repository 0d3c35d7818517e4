using KvmSevVmm.KvmNative.Abi;

namespace KvmSevVmm.Vmm.Vcpus;

/// <summary>
/// The registers that a vCPU starts with. Every register is given, none is left to what a kernel has after reset: a SEV-ES launch measures
/// them, and so its digest does not depend on the kernel.
/// </summary>
/// <param name="General">General registers, RIP and RFLAGS.</param>
/// <param name="System">Segments, tables and control registers; the interrupt controller's (CR8, APIC base, pending vector) stay
/// KVM's.</param>
public readonly record struct InitialRegisters(KvmRegs General, KvmSregs System);
