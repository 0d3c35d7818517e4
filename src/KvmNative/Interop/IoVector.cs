using System.Runtime.InteropServices;

namespace KvmSevVmm.KvmNative.Interop;

/// <summary>The C library's <c>struct iovec</c>: one piece of memory.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct IoVector
{
    /// <summary>First byte.</summary>
    internal byte* Base;

    /// <summary>Bytes.</summary>
    internal nuint Length;
}
