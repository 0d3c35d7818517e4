using System.Runtime.CompilerServices;

namespace KvmSevVmm.KvmNative.Abi;

/// <summary>4 64-bit words, in place; converts to a span.</summary>
[InlineArray(Length)]
public struct ULongs4
{
    /// <summary>Count of elements.</summary>
    public const int Length = 4;

    private ulong _element0;
}
