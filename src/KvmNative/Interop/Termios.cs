using System.Runtime.InteropServices;

namespace KvmSevVmm.KvmNative.Interop;

/// <summary>The C library's <c>struct termios</c> on x86-64: 60 bytes.</summary>
[StructLayout(LayoutKind.Explicit, Size = 60)]
internal struct Termios
{
    /// <summary>Output modes (c_oflag).</summary>
    [FieldOffset(4)]
    internal uint OutputFlags;

    /// <summary>Local modes (c_lflag).</summary>
    [FieldOffset(12)]
    internal uint LocalFlags;
}
