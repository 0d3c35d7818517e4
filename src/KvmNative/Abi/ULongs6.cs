using System.Runtime.CompilerServices;

namespace KvmSevVmm.KvmNative.Abi;

/// <summary>6 64-bit words, in place; converts to a span.</summary>
[InlineArray(Length)]
public struct ULongs6
{
    /// <summary>Count of elements.</summary>
    public const int Length = 6;

    private ulong _element0;
}
