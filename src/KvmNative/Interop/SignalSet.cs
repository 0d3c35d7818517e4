using System.Runtime.InteropServices;

namespace KvmSevVmm.KvmNative.Interop;

/// <summary>The C library's <c>sigset_t</c> on x86-64: 128 bytes, of which the kernel knows the first 8.</summary>
[StructLayout(LayoutKind.Explicit, Size = 128)]
internal struct SignalSet
{
    /// <summary>Bit n - 1 stands for signal n.</summary>
    [FieldOffset(0)]
    internal ulong Bits;
}
