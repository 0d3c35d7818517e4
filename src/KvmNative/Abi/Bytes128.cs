using System.Runtime.CompilerServices;

namespace KvmSevVmm.KvmNative.Abi;

/// <summary>128 bytes, in place; converts to a span.</summary>
[InlineArray(Length)]
public struct Bytes128
{
    /// <summary>Count of elements.</summary>
    public const int Length = 128;

    private byte _element0;
}
