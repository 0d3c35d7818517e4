using KvmSevVmm.Vmm.Memory;

namespace KvmSevVmm.Vmm.Boot;

/// <summary>What the first vCPU starts with; everything else is as the boot protocol fixes it.</summary>
/// <param name="Protocol">The mode: 64-bit with paging, or 32-bit protected without.</param>
/// <param name="Entry">RIP or EIP.</param>
/// <param name="Rsi">RSI: the zero page for <see cref="BootProtocol.Linux64"/>, otherwise 0.</param>
/// <param name="Rbx">RBX: the start info for <see cref="BootProtocol.Pvh32"/>, the information structure for
/// <see cref="BootProtocol.Multiboot32"/>, otherwise 0.</param>
/// <param name="Cr3">CR3 with the C-bit, if there is one; 0 for <see cref="BootProtocol.Pvh32"/>.</param>
/// <param name="GdtBase">GDTR base; the table is that of <see cref="BootGdt"/>.</param>
/// <param name="GdtLimit">GDTR limit: bytes less one.</param>
public readonly record struct BootRegisters(
    BootProtocol Protocol, Gpa Entry, ulong Rsi, ulong Rbx, ulong Cr3, Gpa GdtBase, ushort GdtLimit)
{
    /// <summary>RAX: the loader's magic number for <see cref="BootProtocol.Multiboot32"/>, otherwise 0.</summary>
    public ulong Rax { get; init; }
}
