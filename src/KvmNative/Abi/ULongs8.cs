using System.Runtime.CompilerServices;

namespace KvmSevVmm.KvmNative.Abi;

/// <summary>8 64-bit words, in place; converts to a span.</summary>
[InlineArray(Length)]
public struct ULongs8
{
    /// <summary>Count of elements.</summary>
    public const int Length = 8;

    private ulong _element0;
}
