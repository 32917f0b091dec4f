/**
 * The part of an R2 bucket's binding that this storage calls. `R2Bucket` of `@cloudflare/workers-types` and of
 * `wrangler types` fits.
 */
export interface R2Binding {
  /** The object without its bytes; null where there is none. */
  head(key: string): Promise<R2BoundObject | null>
  /** The object with its bytes; null where there is none, and without a body where the condition is not met. */
  get(
    key: string,
    options?: R2GetWishes,
  ): Promise<
    | (R2BoundObject & {
        /** Its bytes. */
        body?: ReadableStream<Uint8Array>
      })
    | null
  >
  /** Stores bytes, or a stream of known length; null where the condition is not met. */
  put(key: string, value: R2PutValue, options: R2PutWishes): Promise<R2BoundObject | null>
  /** Removes the object. */
  delete(key: string): Promise<void>
  /** One page of the bucket's objects. */
  list(options: {
    /** What the keys begin with. */
    prefix: string
    /** Where the page begins. Default: at the first object. */
    cursor?: string
  }): Promise<R2Page>
}

/** What R2 tells about an object. */
export interface R2BoundObject {
  /** The object's name. */
  readonly key: string
  /** Bytes. */
  readonly size: number
  /** The tag, without quotes. */
  readonly etag: string
  /** The tag, as a header has it. */
  readonly httpEtag: string
  /** When it was stored. */
  readonly uploaded: Date
  /** The hashes that R2 has checked. */
  readonly checksums: {
    /** The 32 bytes of the hash. */
    readonly sha256?: ArrayBuffer
  }
  /** Headers of an answer with the object. */
  readonly httpMetadata?: {
    /** The MIME type. */
    contentType?: string
    /** Shown or saved, and under which name. */
    contentDisposition?: string
  }
  /** Names and values of the app's own. */
  readonly customMetadata?: Record<string, string>
}

/** A page of a listing. */
export interface R2Page {
  /** In the order of their keys. */
  objects: readonly {
    /** The object's name. */
    readonly key: string
    /** Bytes. */
    readonly size: number
  }[]
  /** There are more pages. */
  truncated: boolean
  /** Where the next page begins. */
  cursor?: string
}

/** Which bytes of which version of an object are wanted. */
export interface R2GetWishes {
  /** Bytes from `offset` on. Default: all. */
  range?: {
    /** The first byte, from 0 on. */
    offset: number
    /** How many bytes. */
    length: number
  }
  /** Only while the object has this tag. */
  onlyIf?: {
    /** The tag, without quotes. */
    etagMatches: string
  }
}

/** What R2 keeps with an object, and what it checks before. */
export interface R2PutWishes {
  /** R2 refuses other bytes. Lowercase hex. */
  sha256: string
  /** Only where no object has a tag that matches. */
  onlyIf?: {
    /** A tag, or `*` for any. */
    etagDoesNotMatch: string
  }
  /** Headers of an answer with the object. */
  httpMetadata: {
    /** The MIME type. */
    contentType: string
    /** Shown or saved, and under which name. */
    contentDisposition: string
  }
  /** Names and values of the app's own. */
  customMetadata: Record<string, string>
}

/** A body as R2 takes it. */
export type R2PutValue = ReadableStream<Uint8Array> | Uint8Array<ArrayBuffer>
