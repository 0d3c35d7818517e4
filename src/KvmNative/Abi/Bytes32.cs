using System.Runtime.CompilerServices;

namespace KvmSevVmm.KvmNative.Abi;

/// <summary>32 bytes, in place; converts to a span.</summary>
[InlineArray(Length)]
public struct Bytes32
{
    /// <summary>Count of elements.</summary>
    public const int Length = 32;

    private byte _element0;
}
