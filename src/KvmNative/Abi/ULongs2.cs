using System.Runtime.CompilerServices;

namespace KvmSevVmm.KvmNative.Abi;

/// <summary>2 64-bit words, in place; converts to a span.</summary>
[InlineArray(Length)]
public struct ULongs2
{
    /// <summary>Count of elements.</summary>
    public const int Length = 2;

    private ulong _element0;
}
