using System.Runtime.InteropServices;

namespace KvmSevVmm.KvmNative.Interop;

/// <summary>The C library's <c>struct sigaction</c> on x86-64: 152 bytes.</summary>
[StructLayout(LayoutKind.Explicit, Size = 152)]
internal struct SignalAction
{
    /// <summary>sa_handler: the address of a C function that takes an int.</summary>
    [FieldOffset(0)]
    internal nint Handler;

    /// <summary>sa_mask: blocked while the handler runs.</summary>
    [FieldOffset(8)]
    internal SignalSet Mask;

    /// <summary>sa_flags.</summary>
    [FieldOffset(136)]
    internal int Flags;
}
