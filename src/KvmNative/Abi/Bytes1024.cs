using System.Runtime.CompilerServices;

namespace KvmSevVmm.KvmNative.Abi;

/// <summary>1024 bytes, in place; converts to a span.</summary>
[InlineArray(Length)]
public struct Bytes1024
{
    /// <summary>Count of elements.</summary>
    public const int Length = 1024;

    private byte _element0;
}
